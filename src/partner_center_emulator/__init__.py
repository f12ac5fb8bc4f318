"""An HTTP server that behaves as Microsoft's Partner Center, Graph and login do, for people who write clients of them."""
