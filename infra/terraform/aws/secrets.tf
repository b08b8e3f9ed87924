# Passwords are made while Terraform applies, handed to the servers and to Secrets Manager, and forgotten:
# the state has none. docs/install.md says how they become Secrets of the cluster.

ephemeral "random_password" "owner" {
  length  = 40
  special = false # they stand in URLs
}

ephemeral "random_password" "app" {
  length  = 40
  special = false
}

ephemeral "random_password" "broker" {
  length  = 40
  special = false
}

locals {
  database_address = "${aws_db_instance.this.address}:${aws_db_instance.this.port}/alloyworks"
  broker_address   = "${aws_elasticache_replication_group.this.primary_endpoint_address}:6379/0"
}

resource "aws_secretsmanager_secret" "this" {
  for_each = toset(["database", "database-owner", "broker"])

  name       = "${var.name}/${each.key}"
  kms_key_id = aws_kms_key.this.arn
}

# The role itself is made by the migrations, with the password that they find here; a later change of it is
# an ALTER ROLE, so this one has no counter.
resource "aws_secretsmanager_secret_version" "database" {
  secret_id                = aws_secretsmanager_secret.this["database"].id
  secret_string_wo         = "postgresql://alloy_app:${ephemeral.random_password.app.result}@${local.database_address}"
  secret_string_wo_version = 1
}

resource "aws_secretsmanager_secret_version" "owner" {
  secret_id                = aws_secretsmanager_secret.this["database-owner"].id
  secret_string_wo         = "postgresql://alloy_owner:${ephemeral.random_password.owner.result}@${local.database_address}"
  secret_string_wo_version = var.passwords
}

resource "aws_secretsmanager_secret_version" "broker" {
  secret_id                = aws_secretsmanager_secret.this["broker"].id
  secret_string_wo         = "rediss://:${ephemeral.random_password.broker.result}@${local.broker_address}"
  secret_string_wo_version = var.passwords
}
