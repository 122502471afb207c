/* What the parts of the device share. Not for shells. */
#ifndef CAMHERD_DEVICE_INTERNAL_H
#define CAMHERD_DEVICE_INTERNAL_H

#include "camherd/device.h"

/* device.c: takes over what the link has come to. Call it after everything that may have changed the link. */
void ch_device_follow_link(ch_device *d, ch_ms now);
/* Stores a group, all of it or, as far as the storage lets, nothing. False: the storage failed. */
bool ch_device_save(ch_device *d, ch_group group);
/* Tells the link what is wanted. */
void ch_device_apply_link(ch_device *d, ch_ms now, ch_anew anew);
void ch_device_reboot(ch_device *d, ch_ms now, bool rollback);
/* The camera's settings have changed. */
void ch_device_camera_changed(ch_device *d, ch_ms now);
void ch_device_tcpcam_count(ch_device *d, ch_ms now);

/* device_events.c */
void ch_device_camera_failed(ch_device *d, ch_ms now, const char *why);

/* device_frames.c */
void ch_device_frames_lost(ch_device *d);
/* Whether frames can be had. */
bool ch_device_may_capture(const ch_device *d);
/* What the camera does now. Without pictures its fps are 0, whatever is wanted. */
ch_camera ch_device_camera_now(const ch_device *d);
/* Lets go of frames that nobody is sending yet. */
void ch_device_drop_waiting(ch_device *d);
bool ch_device_frame_next(ch_device *d, ch_ms now, ch_action *action);
bool ch_device_tcpcam_next(ch_device *d, ch_ms now, ch_action *action);
ch_ms ch_device_capture_deadline(const ch_device *d, ch_ms now);

/* device_channel.c */
void ch_device_text_in(ch_device *d, ch_ms now, const char *text, size_t len);
bool ch_device_text_next(ch_device *d, ch_ms now, ch_action *action);
/* Gives up an update that stands still. */
void ch_device_update_tick(ch_device *d, ch_ms now);
void ch_device_update_event(ch_device *d, ch_ms now, const ch_event *event);

/* device_print.c: status lines */
void ch_print_wifi(const ch_device *d);
void ch_print_stream(const ch_device *d);
void ch_print_cam(const ch_device *d);
void ch_print_psram(const ch_device *d);
void ch_print_tcpcam(const ch_device *d);
void ch_print_sys(const ch_device *d, ch_ms now);
void ch_print_error(const ch_device *d, const char *why);
void ch_print_usage(const ch_device *d, const char *usage, int count, const char *const *words);
void ch_print_help(const ch_device *d, const char *group);
void ch_print_network(const ch_device *d, const ch_network *network);
void ch_print_scan_end(const ch_device *d, const char *why);
void ch_print_line(const ch_device *d, const char *text);

/* Keeps as much of a reason as there is room for; NULL is none. */
void ch_keep_reason(char reason[CH_REASON_MAX + 1], const char *text);

#endif
