"""Live state: a check is made again when what it looked at has changed, while somebody follows.

    tail       what is appended to the audit logs of the followed clusters
    changes    what of it is a change that a check could see, and not the grader's own doing
    reads      what a check looked at, by the evidence of its newest result
    agenda     which task is looked at next, and when: what a learner's cluster may cost
    service    the loop: tail, agenda, look, verdict where the outcome is another one

Why the audit log and not watches: the log names each write to any kind with the one who made it, is
a local file that one thread reads for all clusters, and can be read on after a restart. Watches
would need a connection for each kind and namespace that a check lists, would show the grader's own
probes like everything else, and say nothing about who it was.
"""
