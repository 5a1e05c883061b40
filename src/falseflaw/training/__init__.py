"""One way to train with Lightning: what detector and generators share is here, their own parts below."""
