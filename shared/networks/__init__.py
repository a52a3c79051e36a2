"""Lists of networks: read, downloaded, and looked up by address."""
