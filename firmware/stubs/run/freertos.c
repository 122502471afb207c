/* Tasks, notifications, mutexes, time. */
#include "fakes.h"

#include "esp_timer.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct tskTaskControlBlock {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned notified;
    TaskFunction_t code;
    void *argument;
};

/* Time goes by so many times faster, so that waits of half a minute happen in a test of seconds. */
#define HASTE 10

static _Thread_local TaskHandle_t self;

void broken(const char *what)
{
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

uint32_t chance(uint32_t of)
{
    static atomic_uint state = 12345;
    unsigned old = atomic_load(&state), next;
    do {
        next = old * 1664525u + 1013904223u;
    } while (!atomic_compare_exchange_weak(&state, &old, next));
    return (next >> 8) % of;
}

static struct timespec after(unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t ns = (uint64_t)ms * 1000000 / HASTE;
    t.tv_sec += (time_t)(ns / 1000000000);
    t.tv_nsec += (long)(ns % 1000000000);
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

void sleep_ms(unsigned ms)
{
    uint64_t ns = (uint64_t)ms * 1000000 / HASTE;
    struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    nanosleep(&t, NULL);
}

int64_t esp_timer_get_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ((int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000) * HASTE;
}

static void *start(void *task)
{
    self = task;
    self->code(self->argument);
    broken("a task returned");
}

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint32_t stack_bytes, void *argument,
                       UBaseType_t priority, TaskHandle_t *created)
{
    pthread_t thread;
    TaskHandle_t task = calloc(1, sizeof *task);
    (void)name;
    (void)stack_bytes;
    (void)priority;
    pthread_mutex_init(&task->mutex, NULL);
    pthread_cond_init(&task->changed, NULL);
    task->code = code;
    task->argument = argument;
    if (created != NULL) {
        *created = task;
    }
    if (pthread_create(&thread, NULL, start, task) != 0) {
        return pdFALSE;
    }
    pthread_detach(thread);
    return pdPASS;
}

void vTaskDelete(TaskHandle_t task)
{
    if (task != NULL) {
        broken("only a task itself may end");
    }
    pthread_exit(NULL);
}

TaskHandle_t xTaskGetCurrentTaskHandle(void)
{
    return self;
}

void vTaskDelay(TickType_t ticks)
{
    sleep_ms(ticks);
}

BaseType_t xTaskNotifyGive(TaskHandle_t task)
{
    if (task == NULL) {
        broken("a notification for no task");
    }
    pthread_mutex_lock(&task->mutex);
    task->notified++;
    pthread_cond_signal(&task->changed);
    pthread_mutex_unlock(&task->mutex);
    return pdPASS;
}

uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks)
{
    struct timespec until = after(ticks == portMAX_DELAY ? 3600000 * HASTE : ticks);
    (void)clear;
    pthread_mutex_lock(&self->mutex);
    while (self->notified == 0 && pthread_cond_timedwait(&self->changed, &self->mutex, &until) != ETIMEDOUT) {
    }
    uint32_t was = self->notified;
    self->notified = 0;
    pthread_mutex_unlock(&self->mutex);
    return was;
}

struct QueueDefinition {
    pthread_mutex_t mutex;
};

SemaphoreHandle_t xSemaphoreCreateMutex(void)
{
    SemaphoreHandle_t semaphore = calloc(1, sizeof *semaphore);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&semaphore->mutex, &attributes);
    return semaphore;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks)
{
    struct timespec until = after(ticks == portMAX_DELAY ? 20000 * HASTE : ticks);
    int result = pthread_mutex_timedlock(&semaphore->mutex, &until);
    if (result == EDEADLK) {
        broken("a task waits for a mutex that it holds");
    }
    if (result == ETIMEDOUT && ticks == portMAX_DELAY) {
        broken("a mutex was held for 20 s: deadlock");
    }
    return result == 0 ? pdTRUE : pdFALSE;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore)
{
    if (pthread_mutex_unlock(&semaphore->mutex) != 0) {
        broken("a mutex was given by who does not hold it");
    }
    return pdTRUE;
}
