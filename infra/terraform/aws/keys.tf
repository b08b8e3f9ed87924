# One key of the deployment for everything at rest: cluster secrets, disks, database, bucket, broker.

resource "aws_kms_key" "this" {
  description             = "Alloyworks ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
