resource "aws_security_group" "stores" {
  name        = "${var.name}-stores"
  description = "PostgreSQL and Valkey, for the cluster alone"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "stores" {
  for_each = { postgresql = 5432, valkey = 6379 }

  security_group_id            = aws_security_group.stores.id
  description                  = each.key
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  from_port                    = each.value
  to_port                      = each.value
  ip_protocol                  = "tcp"
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = local.data
}

resource "aws_db_parameter_group" "this" {
  name   = "${var.name}-postgres${var.database.version}"
  family = "postgres${var.database.version}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000" # milliseconds
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  identifier = var.name
  engine     = "postgres"
  # The newest of this major version, kept up to date in the maintenance window.
  engine_version             = var.database.version
  auto_minor_version_upgrade = true
  instance_class             = var.database.class
  multi_az                   = true

  db_name             = "alloyworks"
  username            = "alloy_owner"
  password_wo         = ephemeral.random_password.owner.result
  password_wo_version = var.passwords

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.stores.id]
  parameter_group_name   = aws_db_parameter_group.this.name
  publicly_accessible    = false

  storage_type          = "gp3"
  allocated_storage     = var.database.gib
  max_allocated_storage = var.database.max_gib
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.this.arn

  backup_retention_period         = var.database.backups
  copy_tags_to_snapshot           = true
  performance_insights_enabled    = true
  enabled_cloudwatch_logs_exports = ["postgresql"]
  deletion_protection             = var.protected
  skip_final_snapshot             = !var.protected
  final_snapshot_identifier       = "${var.name}-last"
}
