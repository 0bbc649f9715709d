"""Where the rows of the list of bad input are tested that are not typed: data, history, trials."""

ROWS = range(1, 61)

IMPORTERS = "tests/tuner/importers"
TABLE = "tests/trainables/data/test_table.py"

ELSEWHERE: dict[int, tuple[str, ...]] = {
    12: ("tests/tuner/test_cluster.py::test_each_way_to_fail_has_its_way_out",),
    13: ("tests/tuner/test_cluster.py::test_each_way_to_fail_has_its_way_out",),
    28: ("tests/inputs/test_bad_input.py::test_a_number_such_as_1e_3_is_a_number",),
    44: (
        f"{TABLE}::test_every_fault_is_a_line_with_file_and_line_number",
        f"{TABLE}::test_a_table_from_which_nothing_can_be_learned_is_refused",
        f"{TABLE}::test_a_constant_target_is_refused",
        f"{TABLE}::test_a_missing_target_is_refused",
        f"{TABLE}::test_of_many_faults_the_first_are_shown_and_the_rest_counted",
    ),
    45: (
        "tests/trainables/data/test_fetch.py::test_an_archive_with_an_unsafe_path_is_refused",
        "tests/trainables/data/test_fetch.py::test_an_oversized_archive_is_refused",
        "tests/test_architecture.py::test_the_house_keeps_the_rule",
    ),
    46: (
        "tests/trainables/data/test_images.py"
        "::test_a_few_unreadable_images_are_left_out_and_more_are_refused",
        "tests/trainables/data/test_images.py"
        "::test_an_image_of_another_size_is_unreadable_and_one_of_four_inks_is_not",
        "tests/trainables/data/test_texts.py::test_a_few_bad_samples_are_left_out_with_a_warning",
        "tests/trainables/data/test_texts.py"
        "::test_more_than_one_percent_of_bad_samples_end_the_study",
    ),
    49: ("tests/tuner/test_rundir.py::test_a_second_process_is_refused_and_told_who_has_it",),
    51: (
        "tests/meta/test_history.py::test_a_trial_that_measured_nothing_is_refused",
        "tests/meta/test_history.py::test_a_trial_that_still_runs_is_refused",
        f"{IMPORTERS}/test_table.py::test_a_cell_that_is_no_number_is_no_value",
        "tests/tuner/test_commands.py"
        "::test_what_would_not_be_learned_from_is_shown_with_its_reason",
    ),
    52: ("tests/meta/test_history.py::test_a_value_that_cannot_be_is_refused",),
    53: ("tests/meta/test_history.py::test_a_configuration_is_brought_into_the_space_or_refused",),
    54: (
        "tests/meta/test_history.py::test_a_configuration_is_brought_into_the_space_or_refused",
        f"{IMPORTERS}/test_adoption.py::test_a_value_a_little_outside_is_clipped",
    ),
    55: (
        "tests/meta/test_history.py"
        "::test_a_study_that_minimises_is_refused_by_a_task_that_maximises",
    ),
    56: (
        "tests/meta/test_history.py"
        "::test_a_configuration_tried_many_times_counts_once_with_the_mean_of_its_values",
    ),
    57: (
        "tests/tuner/test_terminal.py::test_a_table_is_aligned_and_a_hostile_cell_is_cut",
        "tests/tuner/report/test_payloads.py::test_a_payload_makes_no_element_and_no_attribute",
        f"{IMPORTERS}/test_history.py::test_markup_and_control_characters_stay_text",
    ),
    58: ("tests/tuner/test_context.py::test_what_is_no_measurement_fails_the_trial",),
    59: ("tests/tuner/test_context.py::test_steps_that_repeat_or_go_back_are_ignored",),
    60: (
        "tests/tuner/test_cli.py::test_a_reader_that_has_seen_enough_is_no_error",
        "tests/tuner/test_cli.py::test_an_encoding_without_the_characters_stops_nothing",
    ),
}
"""The tests by the number of the row."""
