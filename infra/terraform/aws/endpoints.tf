# AWS' services as addresses of the VPC. So job pods reach storage, and no way out has to be open for them:
# S3's public addresses are too many and too common for a NetworkPolicy.

locals {
  services = toset(["s3", "sts", "ecr.api", "ecr.dkr", "ec2", "eks", "elasticloadbalancing", "logs", "secretsmanager"])
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "HTTPS from the private subnets"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count = 3

  security_group_id = aws_security_group.endpoints.id
  description       = "Nodes and pods"
  cidr_ipv4         = local.subnets["private-${count.index}"].cidr
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_endpoint" "service" {
  for_each = local.services

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = local.endpoints
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
  tags                = { Name = "${var.name}-${each.key}" }

  dynamic "dns_options" {
    for_each = each.key == "s3" ? [1] : []

    content {
      private_dns_only_for_inbound_resolver_endpoint = false
    }
  }
}
