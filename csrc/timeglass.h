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
#define TG_ABI_VERSION 4

/* Networks, or windows of one network, that ride together in one group of vector registers. */
#define TG_LANES 32 /* sixteen where a register is narrower than AVX-512's */

/* State arrays that an optimiser may keep for each weight. */
#define TG_SLOTS 3

/* A batch of one network's windows is cut into at most so many shares, whatever the number of threads. */
#define TG_SHARES 8

enum tg_result {
  TG_OK = 0,
  TG_MORE = 1,                 /* a slice of training ended before the work did: call again */
  TG_BAD_INSTRUCTION_SET = -1, /* not compiled in, or not on this processor */
  TG_BAD_NETWORK = -2,         /* a kind, size or order of layers that the kernel does not have */
  TG_BAD_SIZE = -3,            /* a count, rate or choice outside its range */
  TG_NO_MEMORY = -4
};

enum tg_instruction_set { TG_BASELINE = 0, TG_AVX2 = 1, TG_AVX512 = 2, TG_NEON = 3, TG_INSTRUCTION_SETS = 4 };

enum tg_layer_kind {
  TG_SIMPLE_RNN = 0,
  TG_GRU = 1,
  TG_LSTM = 2,
  TG_DENSE = 3,
  TG_DROPOUT = 4,
  TG_MASKING = 5,
  TG_MERGE = 6,       /* of `input` and of `other`, the latter turned back in time */
  TG_LINEAR_SKIP = 7, /* `input` plus a dense layer on the last `skip_steps` steps of the window */
  TG_LAYER_KINDS = 8
};

enum tg_activation {
  TG_LINEAR = 0,
  TG_TANH = 1,
  TG_SIGMOID = 2,
  TG_RELU = 3,
  TG_HARD_SIGMOID = 4,
  TG_LEAKY_RELU = 5,
  TG_ELU = 6,
  TG_SELU = 7,
  TG_SOFTPLUS = 8,
  TG_SOFTSIGN = 9,
  TG_SWISH = 10,
  TG_ACTIVATIONS = 11
};

enum tg_merge { TG_CONCAT = 0, TG_SUM = 1, TG_MUL = 2, TG_AVE = 3 };

enum tg_loss_kind {
  TG_SQUARED_ERROR = 0,
  TG_ABSOLUTE_ERROR = 1,
  TG_HUBER = 2,
  TG_LOG_COSH = 3,
  TG_QUANTILE = 4,
  TG_GAUSSIAN = 5,
  TG_LOSSES = 6
};

enum tg_optimizer_kind { TG_SGD = 0, TG_RMSPROP = 1, TG_ADAM = 2, TG_OPTIMIZERS = 3 };

enum tg_clip { TG_NO_CLIP = 0, TG_CLIP_VALUE = 1, TG_CLIP_NORM = 2, TG_CLIP_GLOBAL_NORM = 3 };

/* What the lanes of a vector register carry. */
enum tg_carry { TG_NETWORKS = 0, TG_SAMPLES = 1 };

/* A node of the network. Nodes stand in the order in which they are computed. */
typedef struct tg_layer {
  int32_t kind;  /* enum tg_layer_kind */
  int32_t input; /* the node that it reads, -1: the window */
  int32_t other; /* TG_MERGE: the second node that it reads */
  int32_t units;
  int32_t activation;           /* enum tg_activation */
  int32_t recurrent_activation; /* of gates */
  int32_t use_bias;             /* 0 or 1, as all that follow unless they say otherwise */
  int32_t return_sequences;
  int32_t go_backwards;      /* TG_MERGE: what it reads runs against its mask */
  int32_t reset_after;       /* TG_GRU */
  int32_t mask;              /* the TG_MASKING node whose mask it heeds, -1: none */
  int32_t merge;             /* enum tg_merge */
  int32_t skip_steps;        /* TG_LINEAR_SKIP */
  int32_t dropout;           /* whether it drops inputs while it is trained */
  int32_t recurrent_dropout; /* and states */
  float mask_value;          /* TG_MASKING */
} tg_layer;

typedef struct tg_network {
  int32_t time_steps; /* T */
  int32_t features;   /* F */
  int32_t layer_count;
  const tg_layer *layers;
} tg_network;

typedef struct tg_windows {
  int64_t count;         /* N: the most that one network has */
  const float *x;        /* (N, T, F), or (L, N, T, F) */
  const float *y;        /* (N, targets), or (L, N, targets); may be null where only predictions are asked for */
  const float *weight;   /* of each window in the loss: null, (N), or (L, N) */
  const int64_t *counts; /* null, or (L): a network has only its first counts[l] windows */
  int32_t own_x, own_y, own_weight; /* 1 where there is one for each network */
} tg_windows;

typedef struct tg_loss {
  int32_t kind;        /* enum tg_loss_kind */
  int32_t level_count; /* TG_QUANTILE */
  float delta;         /* TG_HUBER */
  const float *levels; /* (level_count) */
} tg_loss;

typedef struct tg_optimizer {
  int32_t kind;     /* enum tg_optimizer_kind */
  int32_t nesterov; /* TG_SGD */
  int32_t centered; /* TG_RMSPROP */
  int32_t clip;     /* enum tg_clip */
  double clip_limit;
  double momentum; /* TG_SGD, TG_RMSPROP */
  double beta_1;   /* TG_ADAM */
  double beta_2;   /* TG_ADAM; TG_RMSPROP: rho */
  double epsilon;
  double weight_decay; /* TG_ADAM: AdamW's */
} tg_optimizer;

typedef struct tg_fit {
  tg_loss loss;
  tg_optimizer optimizer;
  const double *rates;   /* (L): each network's learning rate … */
  const double *factors; /* … times factors[step - first_step], held at the ends; null: times one */
  int64_t first_step;
  int64_t factor_count;
  const double *l2;      /* (L), or null */
  const double *dropout; /* (L, layer_count, 2): rates of inputs and of states; null where no layer drops any */
  uint64_t seed;
  int64_t first_epoch;   /* epochs trained before this fit: the key of the random numbers goes on from here */
  int64_t epochs;        /* to train in this fit */
  int64_t batch_size;    /* windows */
  int32_t shuffle;       /* 0 or 1 */
  int32_t carry;         /* enum tg_carry */
  int64_t slice_batches; /* return after this many batches; 0: no such limit */
  double slice_seconds;  /* return after this long; 0: no such limit */
} tg_fit;

/* At most TG_LANES networks on their way through training; one where the lanes carry samples. Begin with zeros,
 * order_epoch at -1, the betas' powers at 1 and best_loss at infinity. */
typedef struct tg_progress {
  int32_t networks;
  uint32_t number[TG_LANES]; /* of each network: part of its random numbers' key */
  int64_t epoch;             /* the next batch to train: its epoch … */
  int64_t batch;             /* … and its number in the epoch */
  int64_t steps[TG_LANES];   /* the optimiser's, taken so far */
  double beta_1_power[TG_LANES];
  double beta_2_power[TG_LANES];
  double loss_sum[TG_LANES];  /* over the windows of the epoch so far */
  double best_loss[TG_LANES]; /* the least loss of an epoch so far */
  float *weights;             /* (networks, P) */
  float *best_weights;        /* (networks, P): at the end of that epoch */
  float *slots[TG_SLOTS];     /* (networks, P) each: the optimiser's, as many as it keeps */
  double *losses;             /* (networks, epochs): the mean loss of each epoch */
  int32_t *order;             /* (networks, N): the order of the windows in epoch order_epoch */
  int64_t order_epoch;
} tg_progress;

/* Where in a window's row of a trace a node's arrays begin, in floats; -1: it has no such array. T steps or 1, H units
 * or what it gives, G gates. Steps stand in the order in which they came about, but those of dx in time's. */
typedef struct tg_places {
  /* In `values`: */
  int64_t y;     /* (T, H) or (H): what it gives */
  int64_t z;     /* (T, G · H): before the activations; TG_LINEAR_SKIP: its share of y */
  int64_t h;     /* (T + 1, H), from h_0 on */
  int64_t c;     /* (T + 1, H), from c_0 on */
  int64_t gates; /* (T, G · H) */
  int64_t extra; /* (T, H); TG_GRU: what meets the reset gate; TG_LSTM: f(c_t) */
  int64_t mask;  /* (T): 1 where a step counts */
  /* In `gradients`: */
  int64_t dy; /* as y */
  int64_t dh; /* (T, H): all that reaches h_t; 0 at masked steps, as dc */
  int64_t dc; /* (T, H): what reaches c_t from c_{t+1} */
  int64_t dz; /* (T, G · H) */
  int64_t dx; /* (T, F): its share of the gradient of what it reads */
} tg_places;

TG_API int32_t tg_abi_version(void);

/* Bit i is set when enum tg_instruction_set i is compiled in and this processor runs it. */
TG_API uint32_t tg_instruction_sets(void);

/* Weights of one network (P), or a negative error code. */
TG_API int64_t tg_count_weights(const tg_network *network);

/* out (L, N, K) = the forecasts of L networks with weights (L, P). */
TG_API int32_t tg_predict(int32_t instruction_set, const tg_network *network, int32_t carry, int64_t networks,
                          const float *weights, const tg_windows *windows, float *out);

/* losses (L) = the mean loss over all windows; gradients (L, P) = its derivative. No penalty, no dropout. */
TG_API int32_t tg_gradients(int32_t instruction_set, const tg_network *network, const tg_loss *loss, int32_t carry,
                            int64_t networks, const float *weights, const tg_windows *windows, double *losses,
                            double *gradients);

/* out (L, N, K) = the forecasts; jacobian (L, N, K, P) = their derivatives by the weights. */
TG_API int32_t tg_jacobian(int32_t instruction_set, const tg_network *network, int64_t networks, const float *weights,
                           const tg_windows *windows, float *out, float *jacobian);

/* places (layer_count), and in sizes (3): the floats of a window in `values` and in `gradients` of a trace, and where
 * in the latter the gradient of the window itself (T, F) begins. */
TG_API int32_t tg_trace_places(const tg_network *network, tg_places *places, int64_t *sizes);

/* Every value of the way of windows (N) through one network with weights (P): values (N, sizes[0]). With a loss also
 * those of the way back from the mean loss: losses (N), gradients (N, sizes[1]), and each window's share of the
 * weights' gradient, weight_gradients (N, P). */
TG_API int32_t tg_trace(int32_t instruction_set, const tg_network *network, const tg_loss *loss, const float *weights,
                        const tg_windows *windows, float *values, float *losses, float *gradients,
                        float *weight_gradients);

/* Trains one group by one slice: TG_MORE while work is left, TG_OK when fit->epochs are done. `crew` is null, or
 * memory of tg_crew_bytes, zeros at the start, in which calls of tg_help find shares of each batch. */
TG_API int32_t tg_train(int32_t instruction_set, const tg_network *network, const tg_windows *windows,
                        const tg_fit *fit, tg_progress *progress, void *crew);

/* Bytes of a crew's memory, or a negative error code. */
TG_API int64_t tg_crew_bytes(const tg_network *network);

/* Helps the thread that trains one network with its lanes carrying samples, from another thread: takes shares of its
 * batches for a slice. TG_OK when that training is over, else TG_MORE. */
TG_API int32_t tg_help(int32_t instruction_set, const tg_network *network, const tg_windows *windows, const tg_fit *fit,
                       tg_progress *progress, void *crew);

/* Bytes of a stepper of one network, or a negative error code. For chains of recurrent and dense layers, in which a
 * step needs no more than the one before. */
TG_API int64_t tg_stepper_bytes(int32_t instruction_set, const tg_network *network);

/* Makes a stepper in memory of so many bytes, aligned to 64, from the weights (P) of one network, before its first time
 * step. It belongs to this process: it holds addresses of the kernel. */
TG_API int32_t tg_stepper_make(int32_t instruction_set, const tg_network *network, const float *weights, void *stepper);

/* One time step: x (F); out (units of the last layer), the network's output if the window ended here. */
TG_API void tg_step(void *stepper, const float *x, float *out);

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
