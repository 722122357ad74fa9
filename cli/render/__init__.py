"""What commands write: tables, answers, plans, and progress."""
