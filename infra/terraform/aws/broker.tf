# Messages are hints: no snapshots. Two nodes, so that a failure is seconds.

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = local.data
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.name
  description          = "Alloyworks: queue, rate limits, caches"
  engine               = "valkey"
  engine_version       = "8.0"
  node_type            = var.broker_class
  num_cache_clusters   = 2
  parameter_group_name = aws_elasticache_parameter_group.this.name

  automatic_failover_enabled = true
  multi_az_enabled           = true
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.stores.id]

  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.this.arn
  transit_encryption_enabled = true
  auth_token_wo              = ephemeral.random_password.broker.result
  auth_token_wo_version      = var.passwords
}

resource "aws_elasticache_parameter_group" "this" {
  name   = var.name
  family = "valkey8"

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction" # a queue may not forget
  }
}
