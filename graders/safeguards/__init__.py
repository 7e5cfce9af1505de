"""Safeguards: what a learner must not break on the way, held against the whole attempt.

A check looks at how things are. A safeguard also knows how they were: its object is recorded before
the learner comes, and what happened to it since is read from the audit log. So what was broken and
put back is still broken, whoever was watching, and whatever was restarted meanwhile.
"""
