variable "name" {
  description = "Prefix of everything that is made"
  type        = string
  default     = "marketrank"
}

variable "region" {
  description = "AWS region"
  type        = string
  default     = "eu-west-2"
}

variable "shape" {
  description = "machine: one EC2 machine with compose.yaml; cluster: EKS with deploy/kubernetes"
  type        = string
  default     = "machine"
  validation {
    condition     = contains(["machine", "cluster"], var.shape)
    error_message = "shape is \"machine\" or \"cluster\"."
  }
}

variable "network" {
  description = "Address range of the network; it must agree with overlays/eks/network.yaml"
  type        = string
  default     = "10.0.0.0/16"
}

variable "admitted" {
  description = "Address ranges that may reach the proxy of the one machine"
  type        = list(string)
  default     = []
}

variable "image" {
  description = "Machine image (Debian 12) of the one machine"
  type        = string
  default     = ""
  validation {
    condition     = var.image == "" || startswith(var.image, "ami-")
    error_message = "image is the id of a machine image (ami-…)."
  }
}

variable "machine_type" {
  description = "Type of the one machine"
  type        = string
  default     = "m7i.large"
}

variable "node_type" {
  description = "Type of the cluster's nodes"
  type        = string
  default     = "m7i.large"
}

variable "training_type" {
  description = "Type of the nodes that train (a GPU pays off from some 100,000 listings)"
  type        = string
  default     = "g5.xlarge"
}

variable "database_class" {
  description = "Class of the database's instance"
  type        = string
  default     = "db.t4g.medium"
}

variable "database_gigabytes" {
  description = "Disk of the database"
  type        = number
  default     = 50
}

variable "protect" {
  description = "Keep database and buckets from being destroyed with the rest"
  type        = bool
  default     = true
}
