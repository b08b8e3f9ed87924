variable "name" {
  description = "Of the cluster, and before the names of everything else."
  type        = string
  default     = "alloyworks"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,24}$", var.name))
    error_message = "name: 3 to 25 small letters, digits and hyphens, a letter first."
  }
}

variable "region" {
  description = "Where all of it is."
  type        = string
}

variable "tags" {
  description = "On everything."
  type        = map(string)
  default     = {}
}

variable "namespace" {
  description = "Of the Helm release; its service accounts may use the bucket."
  type        = string
  default     = "alloyworks"
}

variable "release" {
  description = "Name of the Helm release."
  type        = string
  default     = "alloyworks"

  validation {
    condition     = strcontains(var.release, "alloyworks")
    error_message = "release: with another name the chart calls its service accounts RELEASE-alloyworks-…; keep the word in it."
  }
}

variable "vpc_cidr" {
  description = "The network, a /16. values-aws.yaml has the default's addresses."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(regex("/16$", var.vpc_cidr)) && can(cidrnetmask(var.vpc_cidr))
    error_message = "vpc_cidr: an IPv4 network with /16."
  }
}

variable "internet" {
  description = "NAT gateways for the nodes. false: nothing leaves, and images come from a registry in the VPC."
  type        = bool
  default     = true
}

variable "kubernetes_version" {
  description = "Of the EKS cluster; the chart needs 1.31."
  type        = string
  default     = "1.34"
}

variable "api_cidrs" {
  description = "Public networks that may reach the cluster's API; none: from inside the VPC alone."
  type        = list(string)
  default     = []
}

variable "platform_nodes" {
  description = "Machines of web, worker, beat and controller."
  type = object({
    types = optional(list(string), ["m7i.large"])
    min   = optional(number, 2)
    max   = optional(number, 4)
  })
  default = {}
}

variable "gpu_nodes" {
  description = "Machines of jobs. They start at none: scaling up needs Karpenter or the cluster autoscaler."
  type = object({
    types    = optional(list(string), ["g6.xlarge"])
    capacity = optional(string, "ON_DEMAND")
    min      = optional(number, 0)
    max      = optional(number, 4)
    disk_gib = optional(number, 300)
  })
  default = {}

  validation {
    condition     = contains(["ON_DEMAND", "SPOT"], var.gpu_nodes.capacity)
    error_message = "gpu_nodes.capacity: ON_DEMAND or SPOT."
  }
}

variable "database" {
  description = "PostgreSQL. Disks grow by themselves up to max_gib."
  type = object({
    class   = optional(string, "db.m7g.large")
    version = optional(string, "17")
    gib     = optional(number, 50)
    max_gib = optional(number, 500)
    backups = optional(number, 14) # days
  })
  default = {}
}

variable "broker_class" {
  description = "Of the Valkey nodes; messages are small."
  type        = string
  default     = "cache.t4g.small"
}

variable "passwords" {
  description = "Counts up to set new passwords of the owner role and of the broker (see docs/install.md)."
  type        = number
  default     = 1
}

variable "protected" {
  description = "Database and bucket can't be destroyed."
  type        = bool
  default     = true
}
