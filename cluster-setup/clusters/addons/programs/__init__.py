"""Small programs that run as processes of a cluster; they need nothing but Python."""
