"""Workers: the processes that run checks, forked from warm ones.

    runner ── starts ──> zygote         pytest, the Kubernetes rules and the graders are imported
                           ├─ forks ──> zygote of a lab    its checks are loaded and collected
                           │              ├─ forks ──> worker   one order, one grading
                           │              └─ forks ──> worker
                           └─ forks ──> worker             an order that needs no checks

A fork begins with everything loaded and nothing of an earlier grading. Only the first zygote may
have rights; whatever loads a lab is confined before it does.
"""
