output "kubeconfig" {
  description = "The command that writes a kubeconfig."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${aws_eks_cluster.this.name}"
}

output "secrets" {
  description = "Names in Secrets Manager, by the Secret of the cluster that each becomes."
  value       = { for key, secret in aws_secretsmanager_secret.this : "alloyworks-${key}" => secret.name }
}

output "helm_values" {
  description = "What values-aws.yaml can't know: `terraform output -raw helm_values > site.yaml`."
  value = yamlencode({
    storage = {
      region = var.region
      bucket = aws_s3_bucket.this.bucket
    }
    serviceAccounts = {
      storageAnnotations = { "eks.amazonaws.com/role-arn" = aws_iam_role.pods["storage"].arn }
    }
    ingress = { trustedProxies = [local.private_cidr] }
    network = {
      ingressController = { cidrs = [local.private_cidr] }
      database          = { cidrs = [local.data_cidr], ports = [5432] }
      broker            = { cidrs = [local.data_cidr], ports = [6379] }
      storage           = { cidrs = [local.endpoints_cidr], ports = [443] }
      apiServer         = { cidrs = ["172.20.0.1/32", local.private_cidr], ports = [443] }
    }
  })
}

locals {
  private_cidr   = cidrsubnet(var.vpc_cidr, 2, 0)
  data_cidr      = cidrsubnet(var.vpc_cidr, 6, 50)
  endpoints_cidr = cidrsubnet(var.vpc_cidr, 6, 60)
}
