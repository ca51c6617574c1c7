# PostgreSQL. AWS makes its password and keeps it in Secrets Manager: it is in no file here, and
# not in Terraform's state.
resource "aws_db_subnet_group" "main" {
  name       = var.name
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_db_instance" "main" {
  identifier                  = var.name
  engine                      = "postgres"
  engine_version              = "17"
  instance_class              = var.database_class
  allocated_storage           = var.database_gigabytes
  max_allocated_storage       = var.database_gigabytes * 4
  storage_encrypted           = true
  db_name                     = "marketrank"
  username                    = "marketrank"
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.main.name
  vpc_security_group_ids      = [aws_security_group.database.id]
  publicly_accessible         = false
  multi_az                    = var.shape == "cluster"
  backup_retention_period     = 7
  deletion_protection         = var.protect
  skip_final_snapshot         = !var.protect
  final_snapshot_identifier   = var.protect ? "${var.name}-final" : null
  copy_tags_to_snapshot       = true
}
