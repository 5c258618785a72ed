"""Persistence: tables, the repositories over them, and the migrations that make them. No decisions are taken here."""
