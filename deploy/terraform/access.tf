# What marketrank itself may do: its two buckets and the one secret, nothing else.
data "aws_iam_policy_document" "app" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [for bucket in aws_s3_bucket.kept : bucket.arn]
  }
  statement {
    sid       = "Keep"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = [for bucket in aws_s3_bucket.kept : "${bucket.arn}/*"]
  }
  statement {
    sid       = "Database"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for secret in aws_db_instance.main.master_user_secret : secret.secret_arn]
  }
}

resource "aws_iam_policy" "app" {
  name   = "${var.name}-app"
  policy = data.aws_iam_policy_document.app.json
}
