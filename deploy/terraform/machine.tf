# One machine that runs deploy/docker/compose.yaml against the database; without ssh (Session Manager).
locals {
  machine = var.shape == "machine" ? 1 : 0
}

data "aws_iam_policy_document" "machine" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "machine" {
  count              = local.machine
  name               = "${var.name}-machine"
  assume_role_policy = data.aws_iam_policy_document.machine.json
}

resource "aws_iam_role_policy_attachment" "machine" {
  count      = local.machine
  role       = aws_iam_role.machine[0].name
  policy_arn = aws_iam_policy.app.arn
}

resource "aws_iam_role_policy_attachment" "session" {
  count      = local.machine
  role       = aws_iam_role.machine[0].name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "machine" {
  count = local.machine
  name  = "${var.name}-machine"
  role  = aws_iam_role.machine[0].name
}

resource "aws_security_group" "machine" {
  count       = local.machine
  name        = "${var.name}-machine"
  description = "The proxy"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "proxy" {
  for_each          = toset(local.machine == 1 ? var.admitted : [])
  security_group_id = aws_security_group.machine[0].id
  cidr_ipv4         = each.value
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "machine" {
  count             = local.machine
  security_group_id = aws_security_group.machine[0].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_instance" "machine" {
  count                       = local.machine
  ami                         = var.image
  instance_type               = var.machine_type
  subnet_id                   = aws_subnet.public[0].id
  associate_public_ip_address = true
  iam_instance_profile        = aws_iam_instance_profile.machine[0].name
  vpc_security_group_ids      = [aws_security_group.machine[0].id, aws_security_group.app.id]

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 2 # one more for containers
  }
  root_block_device {
    encrypted   = true
    volume_size = 50
  }
  user_data = <<-BASH
    #!/bin/sh
    set -eu
    apt-get update
    apt-get install -y --no-install-recommends docker.io docker-compose
    install -d -o 10001 -g 10001 /srv/marketrank /srv/marketrank/text /srv/marketrank/keys
  BASH
  tags      = { Name = var.name }

  lifecycle {
    precondition {
      condition     = var.image != ""
      error_message = "image is not set: name a Debian 12 machine image of the region."
    }
  }
}
