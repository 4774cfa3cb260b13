"""What users of the national FHIR API complain about, asked of ours at national scale."""
