"""The asyncpg repository: SQL beside its row mapping, one module for each family of tables."""
