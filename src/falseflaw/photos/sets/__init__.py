"""Sets of clean product photos that can be inpainted."""
