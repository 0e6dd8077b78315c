"""The Open Inference Protocol over gRPC; needs `pip install .[grpc]`."""
