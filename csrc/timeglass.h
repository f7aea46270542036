/* The kernel's plain C interface: what ctypes loads.
 *
 * Nothing here keeps state between calls: whatever a call needs or changes is in its arguments, and the
 * caller owns every buffer. No call throws, prints, reads the environment or touches a file. Each returns
 * TG_OK, TG_MORE or a negative error code.
 *
 * Axis letters: N windows, T time steps, F input features, K values that the network puts out for one
 * window, P weights of one network, L networks.
 */
#ifndef TIMEGLASS_H
#define TIMEGLASS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define TG_API __declspec(dllexport)
#else
#define TG_API __attribute__((visibility("default")))
#endif

/* Changes whenever a struct or a signature below does; the caller compares it before the first call. */
#define TG_ABI_VERSION 1

/* Networks that ride together in one group of vector registers. */
#define TG_LANES 16

enum tg_result {
  TG_OK = 0,
  TG_MORE = 1,                 /* a slice of training ended before the work did: call again */
  TG_BAD_INSTRUCTION_SET = -1, /* not compiled in, or not on this processor */
  TG_BAD_NETWORK = -2,         /* a kind, size or order of layers that the kernel does not have */
  TG_BAD_SIZE = -3,            /* a count or rate outside its range */
  TG_NO_MEMORY = -4
};

enum tg_instruction_set { TG_BASELINE = 0, TG_AVX2 = 1, TG_AVX512 = 2, TG_NEON = 3, TG_INSTRUCTION_SETS = 4 };

enum tg_layer_kind { TG_SIMPLE_RNN = 0, TG_DENSE = 1 };

enum tg_activation { TG_LINEAR = 0, TG_TANH = 1, TG_SIGMOID = 2, TG_RELU = 3, TG_ACTIVATIONS = 4 };

typedef struct tg_layer {
  int32_t kind; /* enum tg_layer_kind */
  int32_t units;
  int32_t activation;       /* enum tg_activation */
  int32_t use_bias;         /* 0 or 1 */
  int32_t return_sequences; /* 0 or 1; for recurrent layers */
} tg_layer;

typedef struct tg_network {
  int32_t time_steps; /* T */
  int32_t features;   /* F */
  int32_t layer_count;
  const tg_layer *layers;
} tg_network;

typedef struct tg_windows {
  int64_t count;  /* N */
  const float *x; /* (N, T, F) */
  const float *y; /* (N, K); may be null where only predictions are asked for */
} tg_windows;

typedef struct tg_adam {
  double learning_rate;
  double beta_1;
  double beta_2;
  double epsilon;
} tg_adam;

typedef struct tg_fit {
  tg_adam adam;
  uint64_t seed;
  int64_t first_epoch;   /* epochs trained before this fit: the key of the shuffles goes on from here */
  int64_t epochs;        /* to train in this fit */
  int64_t batch_size;    /* windows */
  int32_t shuffle;       /* 0 or 1 */
  int64_t slice_batches; /* return after this many batches; 0: no such limit */
  double slice_seconds;  /* return after this long; 0: no such limit */
} tg_fit;

/* One group of at most TG_LANES networks on its way through training. Begin with zeros, the betas' powers
 * at 1 and order_epoch at -1. */
typedef struct tg_progress {
  int64_t first_network; /* number of the group's first network: part of its random numbers' key */
  int32_t networks;
  int64_t epoch;       /* the next batch to train: its epoch … */
  int64_t batch;       /* … and its number in the epoch */
  double beta_1_power; /* beta_1 to the number of steps taken */
  double beta_2_power;
  double loss_sum[TG_LANES]; /* over the windows of the epoch so far */
  float *weights;            /* (networks, P) */
  float *m;                  /* (networks, P): Adam's mean of the gradient */
  float *v;                  /* (networks, P): Adam's mean of its square */
  double *losses;            /* (networks, epochs): the mean loss of each epoch */
  int32_t *order;            /* (networks, N): the order of the windows in epoch order_epoch */
  int64_t order_epoch;
} tg_progress;

TG_API int32_t tg_abi_version(void);

/* Bit i is set when enum tg_instruction_set i is compiled in and this processor runs it. */
TG_API uint32_t tg_instruction_sets(void);

/* Weights of one network (P), or a negative error code. */
TG_API int64_t tg_count_weights(const tg_network *network);

/* out (L, N, K) = the forecasts of L networks with weights (L, P). */
TG_API int32_t tg_predict(int32_t instruction_set, const tg_network *network, int64_t networks, const float *weights,
                          const tg_windows *windows, float *out);

/* losses (L,) = mean squared error over all windows; gradients (L, P) = its derivative. */
TG_API int32_t tg_gradients(int32_t instruction_set, const tg_network *network, int64_t networks, const float *weights,
                            const tg_windows *windows, float *losses, float *gradients);

/* Trains one group by one slice: TG_MORE while work is left, TG_OK when fit->epochs are done. */
TG_API int32_t tg_train(int32_t instruction_set, const tg_network *network, const tg_windows *windows,
                        const tg_fit *fit, tg_progress *progress);

/* out[i] = activation(x[i]), as the cells compute it. */
TG_API int32_t tg_activate(int32_t instruction_set, int32_t activation, int64_t count, const float *x, float *out);

/* out (16, 4) = sixteen blocks of Philox 4x32-10 from first_block on. The counter is (block, network, epoch,
 * purpose), the key is the seed. */
TG_API void tg_random(uint64_t seed, uint32_t network, uint32_t epoch, uint32_t purpose, uint32_t first_block,
                      uint32_t *out);

#ifdef __cplusplus
}
#endif

#endif
