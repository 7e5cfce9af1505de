/* A mock of NVIDIA's libnvidia-ml.so.1: as much of NVML as Assay asks, for a host without GPUs.
 *
 * What it answers comes from the environment: MOCK_GPUS (how many), MOCK_DRIVER, MOCK_MIG (index of
 * a GPU in MIG mode), MOCK_INIT (an error of nvmlInit). Layouts of structures: nvml.h of CUDA 12.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUCCESS 0
#define NOT_SUPPORTED 3

typedef struct {
    char bus_id_legacy[16];
    unsigned int domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
} pci_info;

typedef struct {
    unsigned long long total, free, used;
} memory_info;

static int number(const char *name, int otherwise) {
    const char *value = getenv(name);
    return value ? atoi(value) : otherwise;
}

static int index_of(void *device) { return (int)((long)device - 1); }

int nvmlInitWithFlags(unsigned int flags) { return number("MOCK_INIT", SUCCESS); }
int nvmlInit_v2(void) { return number("MOCK_INIT", SUCCESS); }
int nvmlShutdown(void) { return SUCCESS; }

const char *nvmlErrorString(int result) { return result == 9 ? "Driver Not Loaded" : "Mock Error"; }

int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    const char *value = getenv("MOCK_DRIVER");
    snprintf(version, length, "%s", value ? value : "580.95.05");
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
    *count = (unsigned int)number("MOCK_GPUS", 2);
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    *device = (void *)(long)(index + 1);
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
    snprintf(name, length, "NVIDIA H200");
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned int length) {
    snprintf(uuid, length, "GPU-00000000-0000-0000-0000-00000000000%d", index_of(device));
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *device, memory_info *memory) {
    memory->total = 150754820096ULL;
    memory->free = memory->total;
    memory->used = 0;
    return SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(void *device, pci_info *info) {
    memset(info, 0, sizeof *info);
    snprintf(info->bus_id, sizeof info->bus_id, "00000000:%02X:00.0", 25 + index_of(device));
    return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    *major = 9;
    *minor = 0;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(void *device, unsigned int *current, unsigned int *pending) {
    *current = *pending = index_of(device) == number("MOCK_MIG", -1);
    return SUCCESS;
}

int nvmlDeviceGetNumaNodeId(void *device, unsigned int *node) {
    if (index_of(device) == 0)
        return NOT_SUPPORTED;
    *node = (unsigned int)index_of(device) % 2;
    return SUCCESS;
}
