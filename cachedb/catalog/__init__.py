"""Catalog: tables, transactions and statements in SQL; no access to files of the layout."""
