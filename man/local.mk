# man: a page for the command, one for the library as a whole, one for each group
# of functions, and for every other function a link to the page that has it.
dist_man_MANS += \
  %D%/writewatch-trace.5 \
  %D%/writewatch.1 \
  %D%/writewatch.3 \
  %D%/writewatch-chain.5 \
  %D%/ww_chain_list.3 %D%/ww_chain_open.3 %D%/ww_chain_restore.3 %D%/ww_checkpoint.3 \
  %D%/ww_collect.3 \
  %D%/ww_dirty.3 \
  %D%/ww_region_add.3 \
  %D%/ww_report.3 \
  %D%/ww_snapshot.3 \
  %D%/ww_start.3 \
  %D%/ww_strerror.3 \
  %D%/ww_touch.3 \
  %D%/ww_tracker_create.3 \
  %D%/ww_tracker_stats.3

dirty_links = \
  %D%/ww_dirty_begin.3 %D%/ww_dirty_copy.3 %D%/ww_dirty_count.3 %D%/ww_dirty_end.3 %D%/ww_dirty_epoch.3 \
  %D%/ww_dirty_free.3 %D%/ww_dirty_give_back.3 %D%/ww_dirty_missed.3 %D%/ww_dirty_pages.3 %D%/ww_dirty_regions.3 %D%/ww_dirty_runs.3 \
  %D%/ww_dirty_writer.3 %D%/ww_dirty_writer_at.3 %D%/ww_dirty_writers.3
region_links = \
  %D%/ww_region_address.3 %D%/ww_region_engine.3 %D%/ww_region_length.3 %D%/ww_region_name.3 \
  %D%/ww_region_page_size.3 %D%/ww_region_remove.3
snapshot_links = \
  %D%/ww_snapshot_begin.3 %D%/ww_snapshot_copy.3 %D%/ww_snapshot_end.3 %D%/ww_snapshot_stats.3
start_links = %D%/ww_stop.3
error_links = %D%/ww_has_stacks.3 %D%/ww_last_error.3 %D%/ww_version.3
tracker_links = %D%/ww_tracker_destroy.3

chain_links = %D%/ww_chain_close.3 %D%/ww_chain_error.3 %D%/ww_chain_label.3
checkpoint_links = \
  %D%/ww_chain_feed.3 %D%/ww_checkpoint_begin.3 %D%/ww_checkpoint_progress.3 %D%/ww_checkpoint_wait.3
chain_list_links = %D%/ww_chain_compact.3 %D%/ww_chain_regions.3 %D%/ww_chain_verify.3

man_MANS = $(chain_links) $(checkpoint_links) $(chain_list_links) $(dirty_links) $(region_links) \
  $(snapshot_links) $(start_links) $(error_links) $(tracker_links)
CLEANFILES += $(man_MANS)

man_link = $(MKDIR_P) %D% && echo ".so man3/$$page" >$@
$(chain_links): %D%/local.mk
	$(AM_V_GEN)page=ww_chain_open.3; $(man_link)
$(checkpoint_links): %D%/local.mk
	$(AM_V_GEN)page=ww_checkpoint.3; $(man_link)
$(chain_list_links): %D%/local.mk
	$(AM_V_GEN)page=ww_chain_list.3; $(man_link)
$(dirty_links): %D%/local.mk
	$(AM_V_GEN)page=ww_dirty.3; $(man_link)
$(region_links): %D%/local.mk
	$(AM_V_GEN)page=ww_region_add.3; $(man_link)
$(snapshot_links): %D%/local.mk
	$(AM_V_GEN)page=ww_snapshot.3; $(man_link)
$(start_links): %D%/local.mk
	$(AM_V_GEN)page=ww_start.3; $(man_link)
$(error_links): %D%/local.mk
	$(AM_V_GEN)page=ww_strerror.3; $(man_link)
$(tracker_links): %D%/local.mk
	$(AM_V_GEN)page=ww_tracker_create.3; $(man_link)
