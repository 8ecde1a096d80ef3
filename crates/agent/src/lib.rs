//! One node: containerd, networks, images, health, log shipping, metadata.
