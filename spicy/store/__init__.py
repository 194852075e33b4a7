"""The content-addressed memory of every call and every byte it returned, and the ledger of money."""
