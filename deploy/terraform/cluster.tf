# EKS with two groups of nodes: one that serves, one that trains and is empty most of the time.
locals {
  cluster = var.shape == "cluster" ? 1 : 0
  node_policies = {
    node     = "AmazonEKSWorkerNodePolicy"
    network  = "AmazonEKS_CNI_Policy"
    registry = "AmazonEC2ContainerRegistryPullOnly"
  }
}

data "aws_iam_policy_document" "cluster" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["eks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "cluster" {
  count              = local.cluster
  name               = "${var.name}-cluster"
  assume_role_policy = data.aws_iam_policy_document.cluster.json
}

resource "aws_iam_role_policy_attachment" "cluster" {
  count      = local.cluster
  role       = aws_iam_role.cluster[0].name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_eks_cluster" "main" {
  count    = local.cluster
  name     = var.name
  role_arn = aws_iam_role.cluster[0].arn
  vpc_config {
    subnet_ids              = concat(aws_subnet.private[*].id, aws_subnet.public[*].id)
    endpoint_private_access = true
    public_access_cidrs     = length(var.admitted) > 0 ? var.admitted : null
    endpoint_public_access  = length(var.admitted) > 0
  }
  enabled_cluster_log_types = ["api", "audit"]
  depends_on                = [aws_iam_role_policy_attachment.cluster]
}

resource "aws_iam_role" "nodes" {
  count              = local.cluster
  name               = "${var.name}-nodes"
  assume_role_policy = data.aws_iam_policy_document.machine.json
}

resource "aws_iam_role_policy_attachment" "nodes" {
  for_each   = local.cluster == 1 ? local.node_policies : {}
  role       = aws_iam_role.nodes[0].name
  policy_arn = "arn:aws:iam::aws:policy/${each.value}"
}

# Nodes carry the group of the application beside the cluster's own.
resource "aws_launch_template" "nodes" {
  count                  = local.cluster
  name                   = "${var.name}-nodes"
  vpc_security_group_ids = [aws_eks_cluster.main[0].vpc_config[0].cluster_security_group_id, aws_security_group.app.id]
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # pods have roles of their own
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      encrypted   = true
      volume_size = 50
    }
  }
}

resource "aws_eks_node_group" "serving" {
  count           = local.cluster
  cluster_name    = aws_eks_cluster.main[0].name
  node_group_name = "serving"
  node_role_arn   = aws_iam_role.nodes[0].arn
  subnet_ids      = aws_subnet.private[*].id
  instance_types  = [var.node_type]
  launch_template {
    id      = aws_launch_template.nodes[0].id
    version = aws_launch_template.nodes[0].latest_version
  }
  scaling_config {
    min_size     = 2
    desired_size = 2
    max_size     = 6
  }
  depends_on = [aws_iam_role_policy_attachment.nodes]
}

resource "aws_eks_node_group" "training" {
  count           = local.cluster
  cluster_name    = aws_eks_cluster.main[0].name
  node_group_name = "training"
  node_role_arn   = aws_iam_role.nodes[0].arn
  subnet_ids      = aws_subnet.private[*].id
  instance_types  = [var.training_type]
  ami_type        = "AL2023_x86_64_NVIDIA"
  labels          = { "marketrank/pool" = "training" }
  launch_template {
    id      = aws_launch_template.nodes[0].id
    version = aws_launch_template.nodes[0].latest_version
  }
  scaling_config {
    min_size     = 0
    desired_size = 0
    max_size     = 1
  }
  taint {
    key    = "marketrank/training"
    value  = "true"
    effect = "NO_SCHEDULE"
  }
  depends_on = [aws_iam_role_policy_attachment.nodes]
}

# The home folder, which pods on all nodes read. (Its driver: docs/deploy.md.)
resource "aws_efs_file_system" "home" {
  count     = local.cluster
  encrypted = true
  tags      = { Name = var.name }
}

resource "aws_security_group" "home" {
  count       = local.cluster
  name        = "${var.name}-home"
  description = "The home folder"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "home" {
  count                        = local.cluster
  security_group_id            = aws_security_group.home[0].id
  referenced_security_group_id = aws_security_group.app.id
  from_port                    = 2049
  to_port                      = 2049
  ip_protocol                  = "tcp"
}

resource "aws_efs_mount_target" "home" {
  count           = local.cluster * 2
  file_system_id  = aws_efs_file_system.home[0].id
  subnet_id       = aws_subnet.private[count.index].id
  security_groups = [aws_security_group.home[0].id]
}

# Pods of the one service account, and no others, have the rights of the application.
resource "aws_iam_openid_connect_provider" "cluster" {
  count          = local.cluster
  url            = aws_eks_cluster.main[0].identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "pods" {
  count = local.cluster
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.cluster[0].arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${replace(aws_eks_cluster.main[0].identity[0].oidc[0].issuer, "https://", "")}:sub"
      values   = ["system:serviceaccount:marketrank:marketrank"]
    }
    condition {
      test     = "StringEquals"
      variable = "${replace(aws_eks_cluster.main[0].identity[0].oidc[0].issuer, "https://", "")}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "pods" {
  count              = local.cluster
  name               = "${var.name}-pods"
  assume_role_policy = data.aws_iam_policy_document.pods[0].json
}

resource "aws_iam_role_policy_attachment" "pods" {
  count      = local.cluster
  role       = aws_iam_role.pods[0].name
  policy_arn = aws_iam_policy.app.arn
}
