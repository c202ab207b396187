"""Which method runs on which published series: inputs, eligibility, families, verdicts. Frames in, frames out."""
