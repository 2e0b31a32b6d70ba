"""Functions by dialect, where the list is short and closed enough to say what is missing."""

from __future__ import annotations

_SQLITE = """
abs avg changes char coalesce concat concat_ws count cume_dist current_date current_time
current_timestamp date datetime dense_rank exp first_value format glob group_concat hex if ifnull
iif instr json json_array json_array_insert json_array_length json_each json_error_position
json_extract json_group_array json_group_object json_insert json_object json_patch json_pretty
json_quote json_remove json_replace json_set json_tree json_type json_valid jsonb jsonb_array
jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch
jsonb_remove jsonb_replace jsonb_set julianday lag last_insert_rowid last_value lead length like
likelihood likely lower ltrim match max median min nth_value ntile nullif octet_length percent_rank
percentile percentile_cont percentile_disc printf quote random randomblob rank regexp replace round
row_number rtrim sign soundex sqlite_version strftime string_agg substr substring subtype sum time
timediff total total_changes trim typeof unhex unicode unistr unixepoch unlikely upper zeroblob
acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees floor ln log log10 log2 mod pi
pow power radians sin sinh sqrt tan tanh trunc
bm25 highlight snippet matchinfo offsets generate_series cast exists
"""

FUNCTIONS: dict[str, frozenset[str]] = {"sqlite": frozenset(_SQLITE.split())}
"""From SQLite's documentation, optional modules of common builds included. A function that an
application defines itself is not known."""
