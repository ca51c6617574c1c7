output "photos_url" {
  description = "For MARKETRANK_PHOTOS_URL"
  value       = "s3://${aws_s3_bucket.kept["photos"].bucket}/photos"
}

output "models_bucket" {
  description = "For copies of the registry, and backups"
  value       = aws_s3_bucket.kept["models"].bucket
}

output "database_address" {
  description = "Host and port of the database"
  value       = aws_db_instance.main.endpoint
}

output "database_secret" {
  description = "Secret with user and password of the database"
  value       = one(aws_db_instance.main.master_user_secret[*].secret_arn)
}

output "machine_address" {
  description = "Public address of the one machine"
  value       = one(aws_instance.machine[*].public_ip)
}

output "cluster_name" {
  description = "For aws eks update-kubeconfig --name"
  value       = one(aws_eks_cluster.main[*].name)
}

output "pods_role" {
  description = "For the annotation of the service account in overlays/eks"
  value       = one(aws_iam_role.pods[*].arn)
}

output "home_file_system" {
  description = "For the storage class efs"
  value       = one(aws_efs_file_system.home[*].id)
}
