"""Print the catalogue as the table of docs/forgeries.md: `python -m graders.forgeries`."""

from graders.forgeries.table import catalogue_table

if __name__ == "__main__":
    print(catalogue_table())
