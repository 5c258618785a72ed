# ruff: noqa: E501 - one defect a line reads best
"""Which test stands for which defect of the earlier project, in the order of its phases. The names are checked."""

DEFECTS = "integration/pipeline/test_upstream_defects.py"
CHECKPOINTS = "integration/pipeline/test_upstream_checkpoints.py"
CREATE = "integration/pipeline/test_create_command.py"
CONTRACTS = "integration/pipeline/test_module_contracts.py"
REACTIONS = "integration/pipeline/test_model_reactions.py"
GENERATION = "integration/pipeline/test_generation.py"
OPTIMIZE = "integration/pipeline/test_optimize.py"
QUALITY = "unit/pipeline/test_quality.py"
SIGNIFICANCE = "unit/pipeline/test_significance.py"
SKILLS = "unit/skills/test_core.py"
MACHINE = "unit/jobs/test_machine.py"

TABLE: dict[str, dict[str, str]] = {
    "the phases": {
        "fallbacks return {} and the journey goes on": f"{DEFECTS}::test_a_failing_model_fails_the_journey_and_never_yields_empty_results",
        "a failure pays for everything again": f"{DEFECTS}::test_after_a_failure_nothing_is_paid_for_twice",
        "modules are asked twice and the first answer thrown away": f"{DEFECTS}::test_each_module_is_asked_once_on_the_happy_path",
        "inputs are Python's own notation instead of JSON": f"{DEFECTS}::test_values_reach_the_model_as_json",
        "inputs that a signature declares are not passed": f"{CONTRACTS}::test_every_input_is_in_the_prompt_on_the_wire",
        "counts, literals and scores of an answer are not enforced": f"{CONTRACTS}::test_every_output_is_bounded_inside_its_type",
        "request text is not defended against": "integration/pipeline/test_prompt_injection.py::test_an_obedient_model_cannot_be_used_against_the_repository",
        "the service's one model serves every request, whatever is configured": "e2e/test_models.py::test_a_repository_may_choose_among_the_allowed_models_and_no_other",
    },
    "understanding": {
        "the placement never sees the library": f"{DEFECTS}::test_the_repositorys_real_tree_is_seen_and_chosen_from",
        "a path of the model's own making is taken": f"{DEFECTS}::test_a_category_outside_the_repositorys_enum_is_not_taken",
        "duplicates are looked for in an empty list": f"{DEFECTS}::test_a_near_duplicate_is_asked_about_with_its_name",
        "dependencies that do not exist are kept": f"{DEFECTS}::test_the_repositorys_real_tree_is_seen_and_chosen_from",
        "cycles are looked for only in tests, and named without an order": f"{DEFECTS}::test_a_cycle_is_refused_with_its_path_in_order",
        "the plan has no metadata, so that nothing can be promoted": f"{DEFECTS}::test_plan_feedback_accumulates_and_the_plan_carries_its_metadata",
        "one false alarm of the model about the name blocks everything": f"{DEFECTS}::test_a_models_false_alarm_blocks_nothing",
        "only English words make a name": f"{DEFECTS}::test_a_request_in_another_language_keeps_an_ascii_name",
    },
    "generation": {
        "the outline is dropped; topics, constraints, level and category never arrive": f"{DEFECTS}::test_the_outline_topics_constraints_level_and_category_reach_the_writer",
        "feedback never reaches the model": f"{DEFECTS}::test_feedback_reaches_the_model_and_a_second_one_builds_on_the_first",
        "refined text is discarded": f"{DEFECTS}::test_the_refined_text_is_the_one_that_is_shown_validated_and_published",
        "a second first draft replaces the one that was written": f"{DEFECTS}::test_each_module_is_asked_once_on_the_happy_path",
        "a worse rewrite is kept": f"{DEFECTS}::test_a_worse_refinement_is_thrown_away",
        "refinement knows nothing of the findings": f"{DEFECTS}::test_findings_reach_the_refinement",
        "the first job's target is every job's": f"{CHECKPOINTS}::test_the_target_of_one_journey_is_not_that_of_the_next",
        "the preview's figures are those of the discarded draft": f"{CHECKPOINTS}::test_the_preview_counts_what_it_shows",
        "feedback rewrites what nobody mentioned": f"{GENERATION}::test_feedback_leaves_every_other_section_byte_for_byte",
        "changes are claimed that were not made": f"{GENERATION}::test_claims_of_changes_that_were_not_made_are_corrected",
        "bundled files have no generator": f"{GENERATION}::test_bundled_files_are_each_asked_for_alone_and_named_in_the_document",
        "junk scores 1.0": f"{QUALITY}::test_junk_stays_below_half",
        "a bullet list counts as one endless sentence": f"{QUALITY}::test_verbosity_tells_terse_lists_from_padded_prose",
        "a short and good document is punished": f"{QUALITY}::test_a_good_document_scores_high",
    },
    "validation": {
        "trigger coverage is always 0": f"{DEFECTS}::test_trigger_coverage_is_measured",
        "trigger queries are graded by the phrases they were made from": f"{DEFECTS}::test_a_description_that_loses_to_a_sibling_names_the_sibling",
        "the model's opinion is the verdict": f"{DEFECTS}::test_a_models_praise_unblocks_no_error",
        "errors of structure and security do not count": "unit/pipeline/test_answers.py::test_errors_cannot_be_accepted",
        "the score is that of the text before it was refined": f"{DEFECTS}::test_changes_made_by_validation_need_a_new_approval",
        "checks are listed that never ran": f"{CHECKPOINTS}::test_only_checks_that_ran_are_listed",
        "two rule engines, and what falls between them": f"{DEFECTS}::test_the_rules_see_what_went_unseen",
        "a rule that nothing can break": f"{SKILLS}::test_the_bad_example_of_each_rule_breaks_it_and_the_good_one_breaks_nothing",
        "writing the frontmatter corrupts the document": f"{SKILLS}::test_whatever_is_rendered_is_read_back_unchanged",
    },
    "checkpoints": {
        "changes asked for at the preview are lost": f"{DEFECTS}::test_feedback_reaches_the_model_and_a_second_one_builds_on_the_first",
        "changes asked for after validation are lost": f"{CHECKPOINTS}::test_what_a_person_wants_changed_after_validation_reaches_the_model",
        "a second change drops the first and starts from nothing": f"{CHECKPOINTS}::test_a_second_change_at_the_preview_keeps_the_first_and_writes_nothing_anew",
        "cancel is lost at the correction of the name": f"{CHECKPOINTS}::test_cancelling_ends_the_journey_for_good",
        "after a cancel the job stays running": f"{CHECKPOINTS}::test_cancelling_ends_the_journey_for_good",
        "accepting after validation loses the report": f"{DEFECTS}::test_accepting_at_validate_keeps_the_report",
        "with a review by people nothing is refined": f"{CHECKPOINTS}::test_a_draft_is_refined_although_a_person_will_look_at_the_validation",
        "automatic approval does not mend the name and goes round for ever": f"{CHECKPOINTS}::test_automatic_decisions_mend_the_name_skip_questions_and_come_to_an_end",
        "automatic approval of what cannot be suggested goes round for ever": f"{CREATE}::test_what_nothing_can_be_suggested_for_ends_an_automatic_run_and_says_why",
        "the terminal hangs when validation fails": f"{CHECKPOINTS}::test_automatic_decisions_stop_at_errors_instead_of_waiting_for_ever",
        "the terminal never shows confirm, preview and review": f"{CREATE}::test_a_person_answers_refines_and_approves",
        "a stream ends at the first question with nothing to resume": f"{CHECKPOINTS}::test_a_stop_tells_what_it_waits_for_and_can_be_taken_up_by_another_process",
        "a handler imports a package that is gone": f"{CHECKPOINTS}::test_every_module_can_be_imported",
        "an unknown action means proceed": f"{DEFECTS}::test_every_checkpoint_can_be_cancelled_and_unknown_actions_never_mean_proceed",
        "questions are asked by their length": f"{DEFECTS}::test_short_but_real_questions_are_asked_and_filler_is_not",
        "earlier answers are not passed on, and rounds never end": f"{DEFECTS}::test_answers_reach_the_model_and_rounds_are_bounded",
        "validation goes round without a limit": f"{GENERATION}::test_findings_that_stay_go_back_a_bounded_number_of_times_then_a_person_decides",
        "suggestions are not the same in number and kind as the question needs": f"{SIGNIFICANCE}::test_every_question_offers_two_to_four_different_answers",
        "skipped questions leave no trace": f"{DEFECTS}::test_skipping_states_the_assumptions",
        "the suggested name is not valid": f"{DEFECTS}::test_a_bad_name_is_caught_early_with_a_suggestion_that_is_valid_and_free",
        "the suggested name is taken": f"{DEFECTS}::test_a_name_that_is_taken_is_not_suggested_again",
        "later plan feedback replaces earlier": f"{DEFECTS}::test_plan_feedback_accumulates_and_the_plan_carries_its_metadata",
        "an answer runs everything again": f"{DEFECTS}::test_plan_feedback_accumulates_and_the_plan_carries_its_metadata",
        "an hour of silence fails the job": f"{MACHINE}::test_silence_is_reminded_once_and_expires_and_a_late_answer_resumes",
        "late and double answers": "unit/jobs/test_races.py::test_of_two_answers_at_once_the_first_counts_and_the_second_is_told",
        "anybody may claim to be anybody": f"{MACHINE}::test_approving_needs_write_access",
    },
    "jobs and records": {
        "a restart loses owner, answers, paths and verdict": f"{DEFECTS}::test_a_restart_loses_neither_answers_nor_drafts",
        "what was open is only counted at the start": "integration/engine/test_engine.py::test_open_events_of_a_process_that_died_are_taken_up_at_the_start",
        "any code may set any status": f"{MACHINE}::test_no_sequence_of_events_leaves_the_transition_table",
        "every phase says that the creation is completed": f"{CHECKPOINTS}::test_each_phase_says_once_that_it_has_ended",
        "people's feedback, tokens and the report are not recorded": "integration/tracking/test_mlflow.py::test_a_job_is_one_run_with_a_child_for_each_phase_across_restarts",
        "a draft cannot become a promoted skill": "e2e/test_journey.py::test_a_labelled_issue_becomes_a_merged_skill",
        "the index is not updated": f"{SKILLS}::test_a_manifest_that_lists_skills_gets_one_more_line_and_nothing_else",
        "a skill of the same name is overwritten": "e2e/test_bad_input.py::test_an_existing_skill_of_the_same_name_is_never_overwritten_unasked",
        "what is published is not what was approved": f"{MACHINE}::test_bytes_that_nobody_approved_are_never_published",
        "no version is ever raised": "unit/pipeline/test_revision.py::test_what_changed_decides_which_number_is_raised",
    },
    "learning": {
        "the optimiser is gone": f"{OPTIMIZE}::test_better_instructions_are_found_measured_on_other_repositories_written_and_used",
        "near copies are learned from and measured on": f"{OPTIMIZE}::test_no_repository_is_on_both_sides_and_the_split_is_always_the_same",
        "results that are no better are kept": f"{OPTIMIZE}::test_what_does_not_help_on_requests_it_did_not_see_is_not_written",
        "saved programs match no module": f"{OPTIMIZE}::test_instructions_made_from_others_than_ours_are_refused",
    },
}  # fmt: skip
