"""The contract of clusters. A package, since its clusters are to end with it (scope `package`)."""
