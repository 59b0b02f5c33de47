"""What alembic runs to bring a site database up to date."""
