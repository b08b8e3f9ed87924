# Four kinds of subnets in three zones. The chart's NetworkPolicies name them by these addresses:
#
#   private    10.40.0.0/18     nodes, pods, internal load balancers
#   public     10.40.100.0/22   NAT gateways, public load balancers
#   data       10.40.200.0/22   PostgreSQL and Valkey; no way out
#   endpoints  10.40.240.0/22   S3, STS, … as addresses of the VPC

data "aws_availability_zones" "here" {
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  zones = slice(data.aws_availability_zones.here.names, 0, 3)
  subnets = merge(
    { for i, zone in local.zones : "private-${i}" => { zone = zone, cidr = cidrsubnet(var.vpc_cidr, 4, i) } },
    { for i, zone in local.zones : "public-${i}" => { zone = zone, cidr = cidrsubnet(var.vpc_cidr, 8, 100 + i) } },
    { for i, zone in local.zones : "data-${i}" => { zone = zone, cidr = cidrsubnet(var.vpc_cidr, 8, 200 + i) } },
    { for i, zone in local.zones : "endpoints-${i}" => { zone = zone, cidr = cidrsubnet(var.vpc_cidr, 8, 240 + i) } },
  )
  private   = [for i in range(3) : aws_subnet.all["private-${i}"].id]
  public    = [for i in range(3) : aws_subnet.all["public-${i}"].id]
  data      = [for i in range(3) : aws_subnet.all["data-${i}"].id]
  endpoints = [for i in range(3) : aws_subnet.all["endpoints-${i}"].id]
  balancers = {
    private = { "kubernetes.io/role/internal-elb" = "1" }
    public  = { "kubernetes.io/role/elb" = "1" }
  }
}

resource "aws_vpc" "this" {
  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = { Name = var.name }
}

# The group that AWS would give to whatever names none: it opens nothing.
resource "aws_default_security_group" "nothing" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "all" {
  for_each = local.subnets

  vpc_id            = aws_vpc.this.id
  availability_zone = each.value.zone
  cidr_block        = each.value.cidr
  tags              = merge({ Name = "${var.name}-${each.key}" }, lookup(local.balancers, split("-", each.key)[0], {}))
}

resource "aws_internet_gateway" "this" {
  count = var.internet ? 1 : 0

  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_eip" "nat" {
  count = var.internet ? 3 : 0

  domain = "vpc"
  tags   = { Name = "${var.name}-nat-${count.index}" }
}

resource "aws_nat_gateway" "this" {
  count = var.internet ? 3 : 0

  allocation_id = aws_eip.nat[count.index].id
  subnet_id     = local.public[count.index]
  tags          = { Name = "${var.name}-${count.index}" }
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-public" }
}

resource "aws_route" "public" {
  count = var.internet ? 1 : 0

  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  count = 3

  subnet_id      = local.public[count.index]
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  count = 3

  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-private-${count.index}" }
}

resource "aws_route" "private" {
  count = var.internet ? 3 : 0

  route_table_id         = aws_route_table.private[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[count.index].id
}

resource "aws_route_table_association" "private" {
  count = 3

  subnet_id      = local.private[count.index]
  route_table_id = aws_route_table.private[count.index].id
}

# Data and endpoints keep the VPC's main table, which leads nowhere else.
