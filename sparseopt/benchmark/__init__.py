"""The solver benchmark: named instances, peers in processes of their own, judged answers and a report.

    instances → suites → sweep (peers under limits) → rows.jsonl → judgement, statistics → table, figures, page

``sparseopt bench SUITE`` runs it; docs/benchmark.md says what is measured and how.
"""
