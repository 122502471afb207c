#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#define OUTPUT 0x03
#define LOW 0x0
#define HIGH 0x1
void pinMode(uint8_t pin, uint8_t mode);
void digitalWrite(uint8_t pin, uint8_t value);
void delay(uint32_t ms);
unsigned long millis();
bool psramFound();
struct SerialStub {
  void begin(unsigned long baud);
  size_t println(const char *text);
  size_t printf(const char *format, ...) __attribute__((format(printf, 2, 3)));
};
extern SerialStub Serial;
