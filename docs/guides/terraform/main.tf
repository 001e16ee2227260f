terraform {
  required_version = ">= 1.4" # Before, a failing postcondition could block destroy: hashicorp/terraform#32096.
  required_providers {
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.23" # Before, a time-out left the object out of the state: issue 1455 of the provider.
    }
  }
}

provider "kubernetes" {
  config_path = "~/.kube/config"
}

variable "request_id" {
  type        = string
  description = "The RequestId that the CLB call returned."
}

variable "region" {
  type        = string
  description = "The region that the call was sent to."
  default     = "ap-guangzhou"
}

# Waits for the end, success or not.
resource "kubernetes_manifest" "clbtask" {
  manifest = {
    apiVersion = "clb.tencentcloud.com/v1alpha1"
    kind       = "CLBTask"
    metadata = {
      name      = "create-lb-${var.request_id}"
      namespace = "shop"
    }
    spec = {
      requestId = var.request_id
      region    = var.region
    }
  }

  wait {
    fields = {
      "status.phase" = "^(Succeeded|Failed|Unknown)$"
    }
  }

  timeouts {
    create = "15m"
  }
}

# Fails at once if the end is not success.
data "kubernetes_resource" "clbtask" {
  api_version = "clb.tencentcloud.com/v1alpha1"
  kind        = "CLBTask"

  metadata {
    name      = kubernetes_manifest.clbtask.manifest.metadata.name
    namespace = kubernetes_manifest.clbtask.manifest.metadata.namespace
  }

  depends_on = [kubernetes_manifest.clbtask]

  lifecycle {
    postcondition {
      condition     = self.object.status.phase == "Succeeded"
      error_message = self.object.status.conditions[0].message
    }
  }
}

output "load_balancer_ids" {
  value = data.kubernetes_resource.clbtask.object.status.loadBalancerIds
}
