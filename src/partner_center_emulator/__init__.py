"""An HTTP server that behaves as Microsoft's Partner Center, Graph and login do, for those who write their clients."""
