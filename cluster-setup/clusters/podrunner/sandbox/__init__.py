"""The sandbox of Pods: namespaces, a small root, and no rights; needs nothing but Python."""
