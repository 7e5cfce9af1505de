"""Forgeries that rebuild what somebody who passed has, without the cluster having done it."""
