/*
 * Stand-ins for ESP-IDF that run: enough of it on threads of this machine to set the ESP32 shell under stress. They
 * keep the promises that the shell relies on as far as they are documented, and end the program when the shell breaks
 * one: a buffer changed while it is sent, given back twice, taken down while in use.
 */
#ifndef FAKES_H
#define FAKES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program with a message. */
void broken(const char *what) __attribute__((noreturn));
uint32_t chance(uint32_t of); /* 0 to of-1 */
/* Milliseconds of the device's time, which goes by faster than ours. */
void sleep_ms(unsigned ms);
/* Whether a payload is one whole picture of the fake camera. */
bool is_picture(const uint8_t *data, size_t len);

/* What happened, for the summary. */
extern atomic_uint frames_sent, texts_sent, connections, wifi_joins, pictures_taken, driver_starts, updates;
/* Faults happen while this is set. */
extern atomic_bool chaos;
/*
 * While set, updates stand still before their last bytes until the device tells the server that it gives one up. Then
 * the image ends well, and must not be taken all the same.
 */
extern atomic_bool updates_stall, update_given_up;
/* Typed on the console. */
void type_line(const char *line);
/* The sensor, chosen before the start. */
extern bool sensor_encodes;

#endif
