"""What users of other labelling tools complained of, one file a case: the complaint, and that ours holds.

Where several people do something at once, several threads or processes really do, against a real server
or at least the real database of the suite (SQLite or PostgreSQL).
"""
