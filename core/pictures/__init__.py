"""Draw masks, panels and charts from arrays; matplotlib is imported only when it draws."""
