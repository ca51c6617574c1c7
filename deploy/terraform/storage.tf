# Photos, and models with backups: private, encrypted, versioned, over TLS alone.
data "aws_caller_identity" "here" {}

locals {
  buckets = toset(["photos", "models"])
}

resource "aws_s3_bucket" "kept" {
  for_each      = local.buckets
  bucket        = "${var.name}-${each.key}-${data.aws_caller_identity.here.account_id}"
  force_destroy = !var.protect
}

resource "aws_s3_bucket_public_access_block" "kept" {
  for_each                = local.buckets
  bucket                  = aws_s3_bucket.kept[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "kept" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.kept[each.key].id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "kept" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.kept[each.key].id
  versioning_configuration {
    status = "Enabled"
  }
}

# A photo that was taken down must not live on as an old version.
resource "aws_s3_bucket_lifecycle_configuration" "kept" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.kept[each.key].id
  rule {
    id     = "old-versions-end"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
}

data "aws_iam_policy_document" "tls" {
  for_each = local.buckets
  statement {
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.kept[each.key].arn, "${aws_s3_bucket.kept[each.key].arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "tls" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.kept[each.key].id
  policy   = data.aws_iam_policy_document.tls[each.key].json
}
