"""``migrate``: bring the database to the newest schema, and make the bucket."""

import sys

from service.adapters.objects import S3Objects
from service.adapters.postgres import migrate as migrations
from service.config import Settings
from service.settled import bucket_address


async def migrate(settings: Settings) -> int:
    """Apply what is missing and print it."""
    applied = await migrations.migrate(settings.database_url.get_secret_value())
    for migration in applied:
        sys.stdout.write(f"applied {migration.version:04} {migration.name}\n")
    if not applied:
        sys.stdout.write("the schema is the newest\n")
    async with S3Objects.connect(bucket_address(settings), connections=1) as objects:
        await objects.make_bucket()
    return 0
