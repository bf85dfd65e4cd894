//! Layers, initialisation, losses, optimisers and learning-rate schedules.
