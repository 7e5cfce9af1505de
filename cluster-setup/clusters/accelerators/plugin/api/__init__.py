"""Messages of the kubelet's interfaces, made of the `.proto` files beside by `make protos`."""
