"""Truy lĩnh: money owed for past months, proposed by a clerk and approved by a supervisor before a list takes it."""
